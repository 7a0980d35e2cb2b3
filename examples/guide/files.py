"""A large file is uploaded once and named by its URI."""

from pathlib import Path

from google import genai

client = genai.Client()
file = client.files.upload(file=Path(__file__).parent / "media" / "square.avi", config={"mime_type": "video/avi"})
print(f"uploaded {file.name}: {file.size_bytes} bytes, {file.state.name}")
interaction = client.interactions.create(
    model="gemini-2.5-flash",
    input=[
        {"type": "text", "text": "Summarize this video."},
        {"type": "video", "uri": file.uri, "mime_type": file.mime_type},
    ],
)
print(interaction.output_text)
client.files.delete(name=file.name)
