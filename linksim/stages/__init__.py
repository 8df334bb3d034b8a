"""The stages of the link, one file each, hard and soft side by side."""
