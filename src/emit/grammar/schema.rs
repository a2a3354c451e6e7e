//! As much of JSON Schema (2020-12) as `schema/collect.schema.json` uses; other words are refused,
//! so that the schema cannot say what nobody checks.

use serde_json::Value;

pub fn check(value: &Value, schema: &Value, root: &Value, path: &str) -> Result<(), String> {
    let Some(rules) = schema.as_object() else { return Err(format!("{path}: no schema")) };
    for (rule, wanted) in rules {
        let wrong = |why: &str| Err(format!("{path}: {why}: {value} (want {wanted})"));
        match rule.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let place = wanted.as_str().unwrap_or_default().trim_start_matches('#');
                let target = root.pointer(place).ok_or_else(|| format!("{path}: no {place}"))?;
                check(value, target, root, path)?;
            }
            "type" if !has_type(value, wanted) => return wrong("type"),
            "enum" if !wanted.as_array().is_some_and(|words| words.contains(value)) => return wrong("enum"),
            "const" if wanted != value => return wrong("const"),
            "pattern" if !matches(value, wanted) => return wrong("pattern"),
            "minLength" if value.as_str().is_some_and(|text| text.is_empty()) => return wrong("empty"),
            "required" if !has_all(value, wanted) => return wrong("key missing"),
            "type" | "enum" | "const" | "pattern" | "minLength" | "required" => {}
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(item, wanted, root, &format!("{path}/{at}"))?;
                }
            }
            "properties" | "additionalProperties" => {}
            other => return Err(format!("{path}: the validator does not know {other}")),
        }
    }
    members(value, schema, root, path)
}

fn members(value: &Value, schema: &Value, root: &Value, path: &str) -> Result<(), String> {
    for (key, member) in value.as_object().into_iter().flatten() {
        let path = format!("{path}/{key}");
        let named = schema.get("properties").and_then(|named| named.get(key));
        match (named, schema.get("additionalProperties")) {
            (Some(rules), _) => check(member, rules, root, &path)?,
            (None, Some(Value::Bool(false))) => return Err(format!("{path}: not in the schema")),
            (None, Some(rules)) if rules.is_object() => check(member, rules, root, &path)?,
            _ => {}
        }
    }
    Ok(())
}

fn has_type(value: &Value, wanted: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        _ => false,
    };
    match wanted {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => false,
    }
}

fn matches(value: &Value, wanted: &Value) -> bool {
    let Some(text) = value.as_str() else { return true };
    wanted
        .as_str()
        .and_then(|pattern| regex::Regex::new(pattern).ok())
        .is_some_and(|regex| regex.is_match(text))
}

fn has_all(value: &Value, wanted: &Value) -> bool {
    let Some(object) = value.as_object() else { return true };
    wanted.as_array().into_iter().flatten().filter_map(Value::as_str).all(|key| object.contains_key(key))
}
