"""What tests of whole projects share: small projects on disk, readers, runs that are killed."""
