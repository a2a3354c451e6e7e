//! Pure judgement: detect, attribute, suppress, advise.
pub mod theory;
