"""A remote MCP server whose tools the service calls; its header is a secret that no record shows."""

from google import genai

MCP_SERVER = {
    "type": "mcp_server",
    "name": "weather_service",
    "url": "https://example.com/mcp",
    "headers": {"Authorization": "Bearer mcp-secret-4d1f"},
}

client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash", input="What is the weather like in Lisbon?", tools=[MCP_SERVER]
)
for step in interaction.steps:
    if step.type == "mcp_server_tool_call":
        print(f"{step.server_name}.{step.name}({step.arguments})")
print(interaction.output_text)
