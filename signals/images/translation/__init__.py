"""Pictures of one kind made to look like another, such as CT like MRI: CycleGAN."""
