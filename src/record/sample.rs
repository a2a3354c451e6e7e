//! One row of a measurement: tags that name it, fields that measure it. It knows no format.

/// Tag names are fixed in the code; only values come from outside.
pub type Tags = Vec<(&'static str, String)>;

/// Rows that the judge reads and nobody prints: a log's line with its class, a sum.
pub const HIDDEN: &str = "pmta_line";

/// What a field holds. A field has one type for ever (design section 5).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Int(i64),
    Float(f64),
    Text(String),
    /// A counter as the source shows it, which may fall when PowerMTA restarts or an operator
    /// resets it. The ledger turns it into an `Int` total that never falls.
    Growing(i64),
}

/// A row as observed now, or as the ledger holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub measurement: &'static str,
    pub tags: Tags,
    pub fields: Vec<(&'static str, Value)>,
    /// Event time in nanoseconds for what did not happen now (events); else the run's time.
    pub at_ns: Option<i64>,
}

impl Sample {
    pub fn new(measurement: &'static str) -> Sample {
        Sample { measurement, tags: Vec::new(), fields: Vec::new(), at_ns: None }
    }

    /// Adds a tag; an empty value says nothing and is left out.
    pub fn tag(mut self, name: &'static str, value: impl Into<String>) -> Sample {
        let value = value.into();
        if !value.is_empty() {
            self.tags.push((name, value));
        }
        self
    }

    pub fn int(mut self, name: &'static str, value: i64) -> Sample {
        self.fields.push((name, Value::Int(value)));
        self
    }

    pub fn float(mut self, name: &'static str, value: f64) -> Sample {
        self.fields.push((name, Value::Float(value)));
        self
    }

    pub fn text(mut self, name: &'static str, value: impl Into<String>) -> Sample {
        self.fields.push((name, Value::Text(value.into())));
        self
    }

    pub fn growing(mut self, name: &'static str, value: i64) -> Sample {
        self.fields.push((name, Value::Growing(value)));
        self
    }

    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }
}

/// The value of a tag, empty when the row has none of that name.
pub fn tag<'a>(tags: &'a Tags, name: &str) -> &'a str {
    tags.iter().find(|(tag, _)| *tag == name).map_or("", |(_, value)| value.as_str())
}
