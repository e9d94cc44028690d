"""Simulated body: skeleton, activities, virtual IMUs, a wearer who performs; recorded bodies (`capture`)."""
