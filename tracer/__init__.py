"""See, record and replay what happens on Google's Gemini Interactions API.

Importing the package costs nothing: every room is imported by whoever needs it.
"""

__version__ = "0.1.0"
