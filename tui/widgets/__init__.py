"""The widgets of the screen: line-API lists over data that is fetched when it comes into view."""
