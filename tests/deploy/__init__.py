"""What is deployed beside the product: rules, dashboard."""
