"""Pictures of results, drawn without a display and written whole."""
