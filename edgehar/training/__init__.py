"""Training, from a recipe to a model pair: synthesis, fitting, int8 export."""
