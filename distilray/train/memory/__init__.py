"""What a training needs in memory and arithmetic."""
