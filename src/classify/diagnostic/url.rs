//! Addresses of the web inside replies: kept where they name a provider's explanation, masked
//! otherwise. Knows nothing of who answered.

use super::{Diagnostic, known, token};

const URL: &[u8] = b"<url>";

pub fn looks_like(word: &[u8]) -> bool {
    word.contains(&b'/') && rest_of(word).is_some()
        || word.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"www.")) && word.contains(&b'/')
}

/// Host and path of a known explanation, with the one parameter that is its code.
pub fn write(out: &mut Diagnostic, word: &[u8]) {
    let rest = rest_of(word).unwrap_or(word);
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b':')).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end).unwrap_or((rest, &[]));
    if !known::is_kept_host(host) {
        out.put(URL);
        return;
    }
    out.put(&[]);
    out.text.extend(host.iter().map(u8::to_ascii_lowercase));
    let query = path.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(path.len());
    let (path, query) = path.split_at_checked(query).unwrap_or((path, &[]));
    for segment in path.split(|byte| *byte == b'/').filter(|segment| !segment.is_empty()) {
        out.text.push(b'/');
        if is_kept_segment(segment) {
            out.text.extend(segment.iter().map(u8::to_ascii_lowercase));
        } else {
            out.text.extend_from_slice(token::ID);
        }
    }
    parameters(out, query);
}

fn parameters(out: &mut Diagnostic, query: &[u8]) {
    for pair in query.split(|byte| matches!(byte, b'?' | b'&' | b'#')) {
        let at = pair.iter().position(|byte| *byte == b'=');
        let (key, value) = at.and_then(|at| pair.split_at_checked(at)).unwrap_or((b"#", pair));
        let value = value.strip_prefix(b"=").unwrap_or(value);
        let short = (1..=32).contains(&value.len()) && value.iter().all(u8::is_ascii_alphanumeric);
        let known = key == b"#" || known::is_code_parameter(key);
        if short && known {
            out.text.push(if key == b"#" { b'#' } else { b'?' });
            if key != b"#" {
                out.text.extend(key.iter().map(u8::to_ascii_lowercase));
                out.text.push(b'=');
            }
            out.text.extend(value.iter().map(u8::to_ascii_lowercase));
        }
    }
}

fn is_kept_segment(segment: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let digits = segment.iter().filter(|byte| byte.is_ascii_digit()).count();
    segment.len() <= 40 && digits <= 8 && segment.iter().all(plain) && !token::is_address_of_ip(segment)
}

fn rest_of(word: &[u8]) -> Option<&[u8]> {
    let at = word.windows(3).take(8).position(|three| three == b"://")?;
    word.get(at + 3..)
}
