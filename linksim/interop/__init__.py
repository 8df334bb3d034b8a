"""The link as a part of other frameworks."""
