//! The built-in tables, in the order in which they are asked. A new table is one file and one
//! line here.

macro_rules! tables {
    ($($name:literal),* $(,)?) => {
        /// File name and text.
        pub const BUILT_IN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../rules/", $name)))),*];
    };
}

tables![
    "powermta.toml",
    "gmail.toml",
    "microsoft.toml",
    "yahoo.toml",
    "apple.toml",
    "comcast.toml",
    "att.toml",
    "orange.toml",
    "europe.toml",
    "russia.toml",
    "china.toml",
    "america.toml",
    "gateways.toml",
    "lists.toml",
    "session.toml",
    "languages.toml",
    "sender.toml",
    "mailbox.toml",
    "message.toml",
    "network.toml",
    "least.toml",
];
