//! Walks a JSON answer value by value without building it in memory. It knows no page.

use super::body::{BodyError, broken};
use super::tree::{Listener, Path, Scalar};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::io::Read;

pub fn walk(body: impl Read, listener: &mut dyn Listener) -> Result<(), BodyError> {
    walk_with(&mut serde_json::Deserializer::from_reader(body), listener)
}

/// The same for an answer that is in memory.
pub fn walk_text(body: &[u8], listener: &mut dyn Listener) -> Result<(), BodyError> {
    walk_with(&mut serde_json::Deserializer::from_slice(body), listener)
}

fn walk_with<'de, R: serde_json::de::Read<'de>>(
    reader: &mut serde_json::Deserializer<R>,
    listener: &mut dyn Listener,
) -> Result<(), BodyError> {
    let mut path = Path::default();
    Walk { path: &mut path, listener }.deserialize(reader).map_err(|why| {
        if why.is_eof() {
            BodyError::Truncated
        } else if why.is_io() {
            broken(&why.into())
        } else {
            BodyError::Garbage("JSON")
        }
    })
}

/// One value of the tree, wherever it hangs.
struct Walk<'w> {
    path: &'w mut Path,
    listener: &'w mut dyn Listener,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.listener.open(self.path);
        while map.next_key_seed(Key(self.path))?.is_some() {
            let told = if self.listener.wants(self.path) {
                map.next_value_seed(Walk { path: self.path, listener: self.listener })
            } else {
                map.next_value::<IgnoredAny>().map(|_| ())
            };
            self.path.pop();
            told?;
        }
        self.listener.close(self.path);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.listener.list(self.path);
        // A list adds no key: `queues[3].name` is `queues.name`, as it is in XML.
        while list.next_element_seed(Walk { path: self.path, listener: self.listener })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.leaf(&Scalar::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.leaf(&Scalar::Int(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.leaf(&Scalar::Int(i64::try_from(value).unwrap_or(i64::MAX)));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.leaf(&Scalar::Float(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.leaf(&Scalar::Text(Cow::Borrowed(value)));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.leaf(&Scalar::Null);
        Ok(())
    }
}

impl Walk<'_> {
    fn leaf(self, value: &Scalar<'_>) {
        self.listener.leaf(self.path, value);
    }
}

/// Pushes an object's key onto the path without keeping the text.
struct Key<'p>(&'p mut Path);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("a key")
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.0.push(value);
        Ok(())
    }
}
