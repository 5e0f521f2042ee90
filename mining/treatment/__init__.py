"""Treatment: which drugs may treat a disease, and what speaks against giving them."""
