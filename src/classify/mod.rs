//! The provider and the reason of each SMTP reply. Pure; names no other box.
