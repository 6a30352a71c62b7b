"""Pure: rule, step, exposure, finding → sentences."""
