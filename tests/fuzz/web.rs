//! The web monitor's pages in JSON, XML and DOM: any answer is read or refused, never followed
//! out of its bounds.

use pmta_vitals::sources::web::{Row, parse_list, parse_status};

pub const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "],",
    "\"data\":",
    "\"queue\":[",
    "\"rcp\":",
    "<queue>",
    "</queue>",
    "<data>",
    "</rsp>",
    "<![CDATA[",
    "&#x41;",
    "&amp;",
    "<!--",
    "queue[99].name=\"x\"\n",
    "data.status=\"fail\"\n",
    "\\u0041",
    "-9223372036854775808",
    "1e308",
    "18446744073709551616",
    "\"status\":\"success\"",
    "null",
];

/// As many rows as these are kept.
const MANY: usize = 50;

pub fn body(data: &[u8]) {
    let (first, again) = (parse_status(data), parse_status(data));
    assert_eq!(format!("{first:?}"), format!("{again:?}"), "the same page, read twice");
    if let Ok((status, _)) = first {
        status.samples();
        let _ = (status.running(), status.uptime_seconds(), status.generation());
    }
    match (parse_list(data, 1), parse_list(data, MANY)) {
        (Ok((short, one)), Ok((long, many))) => {
            assert_eq!(one, many);
            assert_eq!((short.rows, short.recipients), (long.rows, long.recipients), "sums hold every row");
            let (rows, found) = (long.rows, (short.into_rows(), long.into_rows()));
            let largest = |rows: &[Row]| rows.first().map(|row| row.recipients);
            assert_eq!(largest(&found.0), largest(&found.1), "the largest row");
            assert!(found.0.len() <= 1 && found.1.len() <= MANY && found.1.len() as u64 <= rows);
            for row in found.1 {
                assert!(row.name.len() <= 320);
                let _ = (row.clone().queue_sample(), row.vmta_sample());
            }
        }
        (Err(one), Err(many)) => assert_eq!(one, many),
        (one, many) => panic!("{:?} with one row, {:?} with many", one.err(), many.err()),
    }
}
