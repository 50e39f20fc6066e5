"""Operations on existing interviews, erasure and retention."""
