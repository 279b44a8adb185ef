"""Classification of clips: one label each, or several."""
