"""Things of one kind in pictures, each with its box, its mask and its score: Mask R-CNN."""
