//! What free text holds: tags of a taxonomy, and personal data.
