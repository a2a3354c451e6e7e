//! Walks an XML answer element by element. It knows no page; attributes are not used by PowerMTA.

use super::body::{BodyError, broken};
use super::tree::{Listener, Path, Scalar, cut};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::borrow::Cow;
use std::io::BufRead;

/// A longer text is not a number, a name or a time.
const LONGEST_TEXT: usize = 4_096;
const DEEPEST: usize = 64;

pub fn walk(body: impl BufRead, listener: &mut dyn Listener) -> Result<(), BodyError> {
    let mut reader = Reader::from_reader(body);
    reader.config_mut().expand_empty_elements = true;
    let (mut path, mut buffer, mut text) = (Path::default(), Vec::new(), String::new());
    // Whether the element being left held elements of its own: then its text is only layout.
    let mut holds_elements = false;
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(refusal)?;
        match event {
            Event::Start(start) => {
                path.push(&String::from_utf8_lossy(start.local_name().as_ref()));
                if path.depth() > DEEPEST {
                    return Err(BodyError::Garbage("XML"));
                }
                listener.open(&path);
                text.clear();
                holds_elements = false;
            }
            Event::End(_) => {
                if !holds_elements {
                    listener.leaf(&path, &Scalar::Text(Cow::Borrowed(text.trim_matches(['\r', '\n', '\t']))));
                }
                listener.close(&path);
                path.pop();
                text.clear();
                holds_elements = true;
            }
            Event::Text(piece) => append(&mut text, &String::from_utf8_lossy(&piece)),
            Event::CData(piece) => append(&mut text, &String::from_utf8_lossy(&piece)),
            Event::GeneralRef(name) => append(&mut text, &resolve(&name)),
            Event::Eof if path.depth() == 0 => return Ok(()),
            Event::Eof => return Err(BodyError::Truncated),
            _ => {}
        }
    }
}

fn append(text: &mut String, piece: &str) {
    text.push_str(cut(piece, LONGEST_TEXT.saturating_sub(text.len())));
}

/// `&amp;` and its four brothers, and `&#228;`; anything else says nothing to us.
fn resolve(name: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(letter)) = name.resolve_char_ref() {
        return letter.to_string();
    }
    let known = name.decode().ok().and_then(|name| quick_xml::escape::resolve_predefined_entity(&name));
    known.unwrap_or_default().to_owned()
}

fn refusal(why: quick_xml::Error) -> BodyError {
    match why {
        quick_xml::Error::Io(why) => broken(&why),
        quick_xml::Error::Syntax(_) => BodyError::Truncated,
        _ => BodyError::Garbage("XML"),
    }
}
