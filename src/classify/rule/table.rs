//! The built-in tables, in the order in which they are asked. A new table is one file and one
//! line here.

macro_rules! tables {
    ($($name:literal),* $(,)?) => {
        /// File name and text.
        pub const BUILT_IN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../rules/", $name)))),*];
    };
}

tables!["any.toml"];
