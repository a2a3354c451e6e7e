//! The files that users drop into their hosts, as they stand in the repository, for `config HOST`
//! to print. It knows no format.

/// One file and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct DropIn {
    /// The word behind `config`.
    pub host: &'static str,
    /// Where the file goes on that host.
    pub path: &'static str,
    pub text: &'static str,
}

/// Every drop-in; a host may need more than one file.
pub const DROP_INS: &[DropIn] = &[
    DropIn {
        host: "telegraf",
        path: "/etc/telegraf/telegraf.d/pmta-vitals.conf",
        text: include_str!("../../telegraf.d/pmta-vitals.conf"),
    },
    DropIn {
        host: "telegraf-execd",
        path: "/etc/telegraf/telegraf.d/pmta-vitals-execd.conf",
        text: include_str!("../../telegraf.d/pmta-vitals-execd.conf.example"),
    },
    DropIn {
        host: "telegraf-check",
        path: "/etc/telegraf/telegraf.d/pmta-vitals-check.conf",
        text: include_str!("../../telegraf.d/pmta-vitals-check.conf.example"),
    },
    DropIn {
        host: "vector",
        path: "/etc/vector/pmta-vitals.yaml",
        text: include_str!("../../vector/pmta-vitals.yaml"),
    },
    DropIn {
        host: "icinga",
        path: "/etc/icinga2/conf.d/pmta-vitals.conf",
        text: include_str!("../../icinga/pmta-vitals.conf"),
    },
    DropIn {
        host: "nagios",
        path: "/etc/nagios4/conf.d/pmta-vitals.cfg",
        text: include_str!("../../icinga/nagios-pmta-vitals.cfg"),
    },
    DropIn {
        host: "nrpe",
        path: "/etc/nagios/nrpe.d/pmta-vitals.cfg",
        text: include_str!("../../icinga/nrpe-pmta-vitals.cfg"),
    },
    DropIn {
        host: "prometheus",
        path: "/etc/prometheus/pmta-vitals.rules.yml",
        text: include_str!("../../prometheus/pmta-vitals.rules.yml"),
    },
    DropIn {
        host: "textfile-service",
        path: "/etc/systemd/system/pmta-vitals-textfile.service",
        text: include_str!("../../prometheus/pmta-vitals-textfile.service"),
    },
    DropIn {
        host: "textfile-timer",
        path: "/etc/systemd/system/pmta-vitals-textfile.timer",
        text: include_str!("../../prometheus/pmta-vitals-textfile.timer"),
    },
];

#[cfg(test)]
mod tests {
    use super::super::{catalogue, format};
    use super::*;
    use regex::Regex;

    fn text(host: &str) -> &'static str {
        DROP_INS.iter().find(|drop_in| drop_in.host == host).unwrap().text
    }

    #[test]
    fn every_metric_that_a_drop_in_names_exists() {
        let names: Vec<String> = catalogue::MEASUREMENTS
            .iter()
            .flat_map(|known| known.fields.iter().map(|field| catalogue::full_name(known.name, field.name)))
            .chain(catalogue::MEASUREMENTS.iter().map(|known| known.name.to_owned()))
            .collect();
        // Not the names of recording rules, which have a colon on either side.
        let word = Regex::new(r"(:?)\b(pmta_[a-z0-9_]*[a-z0-9])\b").unwrap();
        let mut seen = 0;
        for host in ["telegraf", "telegraf-execd", "prometheus"] {
            for found in word.captures_iter(text(host)).filter(|found| found[1].is_empty()) {
                assert!(names.iter().any(|name| *name == found[2]), "{host}: {} is no metric", &found[2]);
                seen += 1;
            }
        }
        assert!(seen > 15, "{seen}");
    }

    #[test]
    fn every_command_names_its_consumer_and_a_format_that_exists() {
        let mut seen = 0;
        for drop_in in DROP_INS {
            for line in drop_in.text.lines().filter(|line| line.contains("/usr/bin/pmta-vitals")) {
                let words: Vec<&str> =
                    line.split([' ', ',', '"', '[', ']']).filter(|word| !word.is_empty()).collect();
                if !words.contains(&"collect") {
                    assert!(words.contains(&"check"), "{line}");
                    continue;
                }
                let after = |flag| words.iter().skip_while(|word| **word != flag).nth(1);
                assert!(after("--consumer").is_some(), "{line}");
                assert!(
                    after("--textfile").is_some() || format(after("--format").unwrap()).is_some(),
                    "{line}"
                );
                seen += 1;
            }
        }
        assert_eq!(seen, 5);
    }

    #[test]
    fn telegraf_is_told_what_its_defaults_would_spoil() {
        let exec: toml::Table = text("telegraf").parse().unwrap();
        let exec = &exec["inputs"]["exec"][0];
        for (key, value) in
            [("data_format", "influx"), ("precision", "1ns"), ("timeout", "5s"), ("interval", "10s")]
        {
            assert_eq!(exec[key].as_str(), Some(value), "{key}");
        }
        let execd: toml::Table = text("telegraf-execd").parse().unwrap();
        let execd = &execd["inputs"]["execd"][0];
        assert_eq!(
            (execd["signal"].as_str(), execd["data_format"].as_str()),
            (Some("STDIN"), Some("influx"))
        );
        assert!(execd["command"].as_array().unwrap().iter().any(|word| word.as_str() == Some("--stdin")));
    }

    /// The outputs stand in comments: `# ` before what is TOML, `##` before words.
    #[test]
    fn no_example_sends_sentences_into_a_store_of_metrics() {
        let examples = text("telegraf").lines().skip_while(|line| !line.starts_with("# [[outputs"));
        let examples: Vec<&str> = examples.filter_map(|line| line.strip_prefix("# ")).collect();
        let examples: toml::Table = examples.join("\n").parse().unwrap();
        let outputs = examples["outputs"].as_table().unwrap();
        assert_eq!(outputs.len(), 3);
        for (name, output) in outputs {
            let filter = if name == "loki" { "namepass" } else { "namedrop" };
            let filtered = output[0].get(filter).and_then(toml::Value::as_array).unwrap();
            assert_eq!(filtered, &["pmta_event".into()], "{name}");
        }
    }

    #[test]
    fn vector_does_not_decode_complaints() {
        assert!(text("vector").contains("\n    include_stderr: false\n"));
        assert!(text("vector").contains("\n      codec: native_json\n"));
    }
}
