//! Who may see the web monitor: `http-access` lines in order, and the API key that overrides them.

use std::net::{IpAddr, Ipv4Addr};

use super::http::Request;
use crate::options::{Access, Options};

/// The right of a request: a valid key is admin from anywhere, else the first line that matches.
pub fn right(options: &Options, peer: IpAddr, request: &Request) -> Access {
    let sent = request.header("x-api-key");
    if sent.is_some() && sent == options.api_key.as_deref() {
        return Access::Admin;
    }
    let line = options.access.iter().find(|(cidr, _)| covers(cidr, peer));
    line.map_or(Access::None, |(_, access)| *access)
}

fn covers(cidr: &str, peer: IpAddr) -> bool {
    let IpAddr::V4(peer) = peer else { return false };
    let (net, bits) = cidr.split_once('/').unwrap_or((cidr, "32"));
    let (Ok(net), Ok(bits)) = (net.parse::<Ipv4Addr>(), bits.parse::<u32>()) else { return false };
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
    u32::from(net) & mask == u32::from(peer) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_matching_line_decides_and_a_key_overrides() {
        let access = |lines: &[(&str, Access)], key: Option<&str>, sent: Option<&str>| {
            let access = lines.iter().map(|(cidr, access)| ((*cidr).to_owned(), *access)).collect();
            let options = Options { access, api_key: key.map(str::to_owned), ..Options::default() };
            let headers = sent.map(|key| ("X-API-Key".to_owned(), key.to_owned())).into_iter().collect();
            let request = Request { headers, ..Request::default() };
            right(&options, IpAddr::V4(Ipv4Addr::LOCALHOST), &request)
        };
        let two = [("127.0.0.1", Access::None), ("127.0.0.0/8", Access::Operator)];
        assert_eq!(access(&two, None, None), Access::None);
        assert_eq!(access(&two[1..], None, None), Access::Operator);
        assert_eq!(access(&[("0/0", Access::Admin)], None, None), Access::None, "0/0 is not an address");
        assert_eq!(access(&[("0.0.0.0/0", Access::Monitor)], None, None), Access::Monitor);
        assert_eq!(access(&[], None, None), Access::None);
        assert_eq!(access(&[], Some("k"), Some("k")), Access::Admin);
        assert_eq!(access(&[], Some("k"), Some("wrong")), Access::None);
        assert_eq!(access(&[], None, Some("k")), Access::None);
    }
}
