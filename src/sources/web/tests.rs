//! What the whole source does against a scripted web monitor on loopback.
