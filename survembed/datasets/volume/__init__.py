"""CT studies: layouts, masks, cubes."""
