"""A body that moves: skeleton, activities, virtual sensors, and a wearer who performs them."""
