"""What the KubeRay operator (1.7) refuses beyond its CRDs: one file per theme, one function per rule."""
