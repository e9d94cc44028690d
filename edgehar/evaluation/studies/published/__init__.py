"""Archives as their authors published them, as windows with the published splits."""
