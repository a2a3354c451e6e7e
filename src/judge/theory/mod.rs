//! The theories, each a pure function with its own table of cases. They know no mail.

pub mod beta_binomial;
pub mod cusum;
pub mod jain;
pub mod mix;
pub mod periodicity;
pub mod quantile;
pub mod wilson;
