//! Our own configuration file: what is accepted reads the same when it is printed back; what is
//! refused is refused in one line.

use pmta_vitals::config::{Loaded, render};

pub const WORDS: &[&str] = &[
    "[pmta]\n",
    "[judge]\n",
    "[[suppress]]\n",
    "[providers]\n",
    "[limits]\n",
    "url = \"http://127.0.0.1:8080\"\n",
    "\"Example Corp\" = [\"example.com\"]\n",
    "providers = 50\n",
    "alpha = 1e-7\n",
    "minutes = \"0-10\"\n",
    "\"\"\"",
    "[",
    "]",
    "=",
    "#",
    "\\u0000",
    "9223372036854775807",
    "nan",
    "-1",
    "1979-05-27T07:32:00Z",
];

pub fn body(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Loaded::parse(&text, "/etc/pmta-vitals.toml") {
        Ok(loaded) => {
            let printed = render(&loaded.config, &loaded.origins);
            let again = Loaded::parse(&printed, "printed").unwrap_or_else(|why| panic!("{why} in {printed}"));
            assert_eq!(format!("{:?}", again.config), format!("{:?}", loaded.config), "{printed}");
        }
        Err(why) => {
            let line = why.to_string();
            assert!(!line.contains(['\n', '\r']) && line.len() < 512, "{line:?}");
        }
    }
}
