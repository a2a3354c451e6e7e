//! PowerMTA's answers are one tree printed in three ways: where a reader stands in that tree and
//! what hangs there. It knows no format and no meaning.

use std::borrow::Cow;

/// Deeper or longer than this is not PowerMTA: such branches are read over, not kept.
const LONGEST_PATH: usize = 256;

/// Whoever wants to know what a page says. The readers call it in the page's own order.
pub trait Listener {
    /// A branch begins: an object, an element of a list, or an XML element.
    fn open(&mut self, _path: &Path) {}
    /// A value. The path's last part is its key.
    fn leaf(&mut self, path: &Path, value: &Scalar<'_>);
    fn close(&mut self, _path: &Path) {}
    /// A list begins, perhaps one without elements.
    fn list(&mut self, _path: &Path) {}
    /// `false` spares the reader a branch that nobody needs.
    fn wants(&self, _path: &Path) -> bool {
        true
    }
}

/// The keys from the root down to here.
#[derive(Debug, Default)]
pub struct Path {
    text: String,
    starts: Vec<usize>,
}

impl Path {
    pub fn push(&mut self, key: &str) {
        self.starts.push(self.text.len());
        self.text.push('.');
        let room = LONGEST_PATH.saturating_sub(self.text.len());
        self.text.push_str(cut(key, room));
    }

    pub fn pop(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.text.truncate(start);
        }
    }

    pub fn depth(&self) -> usize {
        self.starts.len()
    }

    /// The last key, empty at the root.
    pub fn key(&self) -> &str {
        let start = self.starts.last().map_or(0, |start| start + 1);
        self.text.get(start..).unwrap_or_default()
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.text.split('.').skip(1)
    }
}

/// A value as a format gives it; JSON may write a number as text, XML and DOM always do.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(Cow<'a, str>),
    Null,
}

impl Scalar<'_> {
    /// A count: never negative, whole.
    pub fn count(&self) -> Option<i64> {
        match self {
            Scalar::Int(value) => Some((*value).max(0)),
            Scalar::Bool(value) => Some(i64::from(*value)),
            _ => self.number().map(whole),
        }
    }

    /// A finite number that is not negative.
    pub fn number(&self) -> Option<f64> {
        let value = match self {
            Scalar::Int(value) => *value as f64,
            Scalar::Float(value) => *value,
            Scalar::Bool(value) => f64::from(u8::from(*value)),
            Scalar::Text(text) => text.trim().parse().ok()?,
            Scalar::Null => return None,
        };
        value.is_finite().then(|| value.max(0.0))
    }

    /// `true false yes no 1 0`, in any letters.
    pub fn flag(&self) -> Option<bool> {
        match self {
            Scalar::Bool(value) => Some(*value),
            Scalar::Int(value) => Some(*value != 0),
            Scalar::Float(value) => Some(*value != 0.0),
            Scalar::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" | "on" => Some(true),
                "false" | "no" | "0" | "off" => Some(false),
                _ => None,
            },
            Scalar::Null => None,
        }
    }

    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Scalar::Int(value) => Cow::Owned(value.to_string()),
            Scalar::Float(value) => Cow::Owned(value.to_string()),
            Scalar::Bool(value) => Cow::Owned(value.to_string()),
            Scalar::Text(text) => Cow::Borrowed(text),
            Scalar::Null => Cow::Borrowed(""),
        }
    }
}

/// PowerMTA's kilobytes, with one decimal at most, as bytes.
pub fn bytes(kilobytes: f64) -> i64 {
    whole(kilobytes * 1024.0)
}

/// The text's beginning, at most `room` bytes, never half a letter.
pub fn cut(text: &str, room: usize) -> &str {
    let mut end = text.len().min(room);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn whole(value: f64) -> i64 {
    // `as` saturates, which is what a counter beyond all sense deserves.
    value.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_in_every_spelling() {
        for value in
            [Scalar::Int(7), Scalar::Float(7.2), Scalar::Text(" 7 ".into()), Scalar::Text("7.0".into())]
        {
            assert_eq!(value.count(), Some(7), "{value:?}");
        }
        assert_eq!(Scalar::Int(-3).count(), Some(0));
        assert_eq!(Scalar::Text("NaN".into()).number(), None);
        assert_eq!(Scalar::Text("".into()).count(), None);
        assert_eq!(Scalar::Float(1e300).count(), Some(i64::MAX));
        for yes in [Scalar::Bool(true), Scalar::Int(1), Scalar::Text("Yes".into()), Scalar::Text("1".into())]
        {
            assert_eq!(yes.flag(), Some(true), "{yes:?}");
        }
        for no in
            [Scalar::Bool(false), Scalar::Int(0), Scalar::Text("no".into()), Scalar::Text("false".into())]
        {
            assert_eq!(no.flag(), Some(false), "{no:?}");
        }
        assert_eq!(Scalar::Text("perhaps".into()).flag(), None);
        assert_eq!(bytes(0.1), 102);
    }

    #[test]
    fn a_path_remembers_where_it_came_from_and_stays_short() {
        let mut path = Path::default();
        path.push("data");
        path.push("öbb");
        assert_eq!((path.depth(), path.key()), (2, "öbb"));
        assert_eq!(path.keys().collect::<Vec<_>>(), ["data", "öbb"]);
        path.pop();
        assert_eq!(path.key(), "data");
        for _ in 0..100 {
            path.push("äöüäöüäöü");
        }
        assert!(path.text.len() <= LONGEST_PATH + 100);
        for _ in 0..200 {
            path.pop();
        }
        assert_eq!((path.depth(), path.key()), (0, ""));
    }
}
