//! The shipped files of Vector fit together: every input names a component or a route that exists.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

const FILES: [(&str, &str); 4] = [
    ("pmta-vitals", include_str!("../vector/pmta-vitals.yaml")),
    ("sink-prometheus", include_str!("../vector/sink-prometheus.yaml")),
    ("sink-influxdb", include_str!("../vector/sink-influxdb.yaml")),
    ("sink-loki", include_str!("../vector/sink-loki.yaml")),
];

fn parsed(name: &str, text: &str) -> Map<String, Value> {
    serde_yaml_ng::from_str(text).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// The example within the comments, from its first key on.
fn commented(text: &str) -> String {
    let lines = text.lines().skip_while(|line| *line != "# sinks:");
    lines.map(|line| format!("{}\n", line.trim_start_matches("# "))).collect()
}

/// What may be named as an input: components, and a route's outputs.
fn outputs(components: &Map<String, Value>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, component) in components {
        match component.get("route").and_then(Value::as_object) {
            Some(routes) => names.extend(routes.keys().map(|route| format!("{name}.{route}"))),
            None => {
                names.insert(name.clone());
            }
        }
    }
    names
}

#[test]
fn every_input_exists_and_every_output_can_be_used() {
    let base = parsed(FILES[0].0, FILES[0].1);
    let sources = base["sources"].as_object().unwrap();
    let transforms = base["transforms"].as_object().unwrap();
    let known: BTreeSet<String> = outputs(sources).into_iter().chain(outputs(transforms)).collect();
    let mut sinks = Map::new();
    for (name, text) in &FILES[1..] {
        let file = parsed(name, text);
        assert_eq!(file.keys().collect::<Vec<_>>(), ["sinks"], "{name}");
        for (id, sink) in file["sinks"].as_object().unwrap() {
            assert!(sinks.insert(id.clone(), sink.clone()).is_none(), "{id} is there twice");
        }
    }
    let example = parsed("console", &commented(FILES[0].1));
    sinks.extend(example["sinks"].as_object().unwrap().clone());
    assert_eq!(sinks.len(), 4);
    let mut used = BTreeSet::new();
    for (id, component) in transforms.iter().chain(&sinks) {
        assert!(component["type"].is_string(), "{id}");
        for input in component["inputs"].as_array().unwrap() {
            let input = input.as_str().unwrap();
            assert!(known.contains(input), "{id}: {input} is none of {known:?}");
            used.insert(input.to_owned());
        }
    }
    assert_eq!(used, known, "what nobody reads is lost");
}

#[test]
fn metrics_and_events_go_apart() {
    let text: String = FILES.iter().map(|(_, text)| *text).collect();
    assert!(!text.contains("\t"), "YAML has no tabs");
    for (name, events) in [("sink-prometheus", false), ("sink-influxdb", false), ("sink-loki", true)] {
        let (_, text) = FILES.iter().find(|(file, _)| *file == name).unwrap();
        let file = parsed(name, text);
        let (_, sink) = file["sinks"].as_object().unwrap().iter().next().unwrap();
        let expected = if events { "pmta_vitals_events" } else { "pmta_vitals_route.metrics" };
        assert_eq!(sink["inputs"], serde_json::json!([expected]), "{name}");
    }
    let source = &parsed(FILES[0].0, FILES[0].1)["sources"]["pmta_vitals"];
    assert_eq!(source["include_stderr"], false, "complaints are no metrics");
    assert_eq!(source["decoding"]["codec"], "native_json");
    assert_eq!(source["type"], "exec");
}
