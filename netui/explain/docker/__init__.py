"""Docker's own rules by their purpose."""
