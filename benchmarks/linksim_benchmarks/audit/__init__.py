"""The audit command: result, tables, pictures, and the page that works offline."""
