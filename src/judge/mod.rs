//! Pure judgement: detect, attribute, suppress, advise.
