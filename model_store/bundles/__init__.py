"""What a bundle on disk is: its manifest, its files, and what is checked before anything of it is made."""
