"""The study of clips by LRCN against MoveNet."""
