//! One accounting record and how it becomes a CSV line. Knows no file and no traffic.

use std::fmt;

/// The eight record types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    #[default]
    Delivery,
    Bounce,
    Transient,
    TransientQueue,
    Receipt,
    RemoteBounce,
    RemoteStatus,
    FeedbackLoop,
}

impl Kind {
    pub const ALL: [Kind; 8] = [
        Kind::Delivery,
        Kind::Bounce,
        Kind::Transient,
        Kind::TransientQueue,
        Kind::Receipt,
        Kind::RemoteBounce,
        Kind::RemoteStatus,
        Kind::FeedbackLoop,
    ];

    /// As the `type` column holds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Delivery => "d",
            Kind::Bounce => "b",
            Kind::Transient => "t",
            Kind::TransientQueue => "tq",
            Kind::Receipt => "r",
            Kind::RemoteBounce => "rb",
            Kind::RemoteStatus => "rs",
            Kind::FeedbackLoop => "f",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! columns {
    ($($variant:ident $field:ident $name:literal,)*) => {
        /// A column by PowerMTA's own name.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Column {
            Type,
            $($variant,)*
            /// `header_Subject`, `header_X-Campaign` ...
            Header(String),
            /// A name this host knows nothing to say about: always empty.
            Unknown(String),
        }

        /// The cells of one record; what a type does not have stays empty.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Entry<'a> {
            pub kind: Kind,
            /// Values of `header_` columns, by name without the prefix.
            pub headers: &'a [(&'a str, &'a str)],
            $(pub $field: &'a str,)*
        }

        impl Column {
            pub fn from_name(name: &str) -> Self {
                if let Some(header) = name.strip_prefix("header_") {
                    return Column::Header(header.to_owned());
                }
                match name {
                    "type" => Column::Type,
                    $($name => Column::$variant,)*
                    other => Column::Unknown(other.to_owned()),
                }
            }

            pub fn name(&self) -> String {
                match self {
                    Column::Type => "type".to_owned(),
                    $(Column::$variant => $name.to_owned(),)*
                    Column::Header(name) => format!("header_{name}"),
                    Column::Unknown(name) => name.clone(),
                }
            }
        }

        impl<'a> Entry<'a> {
            pub fn cell(&self, column: &Column) -> &'a str {
                match column {
                    Column::Type => self.kind.as_str(),
                    $(Column::$variant => self.$field,)*
                    Column::Header(name) => {
                        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
                        found.map_or("", |(_, value)| value)
                    }
                    Column::Unknown(_) => "",
                }
            }
        }
    };
}

columns! {
    TimeLogged logged "timeLogged",
    TimeQueued queued "timeQueued",
    TimeImprinted imprinted "timeImprinted",
    TotalSecondsQueued seconds_queued "totalSecondsQueued",
    Orig orig "orig",
    Rcpt rcpt "rcpt",
    Orcpt orcpt "orcpt",
    DsnAction action "dsnAction",
    DsnStatus status "dsnStatus",
    DsnDiag diag "dsnDiag",
    DsnMta mta "dsnMta",
    BounceCat category "bounceCat",
    SrcType source_type "srcType",
    SrcMta source_mta "srcMta",
    DlvType delivery_type "dlvType",
    DlvSourceIp source_ip "dlvSourceIp",
    DlvDestinationIp destination_ip "dlvDestinationIp",
    DlvEsmtpAvailable esmtp "dlvEsmtpAvailable",
    DlvSize size "dlvSize",
    Vmta vmta "vmta",
    JobId job "jobId",
    EnvId envelope "envId",
    Queue queue "queue",
    VmtaPool pool "vmtaPool",
    UserString user_string "userString",
    DlvTlsProtocol tls_protocol "dlvTlsProtocol",
    DlvTlsCipher tls_cipher "dlvTlsCipher",
    RcvSmtpUser smtp_user "rcvSmtpUser",
    RcvSourceIp received_from "rcvSourceIp",
    RcvDestinationIp received_at "rcvDestinationIp",
    DsnReportingMta reporting_mta "dsnReportingMta",
    Format format "format",
    RepSourceIp report_source_ip "repSourceIp",
    FeedbackType feedback_type "feedbackType",
    UserAgent user_agent "userAgent",
    ReportingMta feedback_mta "reportingMta",
    ReportedDomain reported_domain "reportedDomain",
}

/// Appends the record as one line.
pub fn write_line(entry: &Entry<'_>, columns: &[Column], crlf: bool, out: &mut Vec<u8>) {
    for (i, column) in columns.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_cell(entry.cell(column), out);
    }
    out.extend_from_slice(if crlf { b"\r\n" } else { b"\n" });
}

/// The header line of a file.
pub fn write_header(columns: &[Column], crlf: bool, out: &mut Vec<u8>) {
    let names: Vec<String> = columns.iter().map(Column::name).collect();
    out.extend_from_slice(names.join(",").as_bytes());
    out.extend_from_slice(if crlf { b"\r\n" } else { b"\n" });
}

/// RFC 4180: quoted where a comma, a quote or a line end is inside, quotes doubled.
fn write_cell(cell: &str, out: &mut Vec<u8>) {
    if !cell.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(cell.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in cell.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_as_rfc_4180_says() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("said \"no\"", "\"said \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("bücher.de/vmta2", "bücher.de/vmta2"),
        ] {
            let mut out = Vec::new();
            write_cell(cell, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn every_column_keeps_its_name() {
        for name in ["type", "timeLogged", "dsnDiag", "header_X-Job", "queue", "somethingNew"] {
            assert_eq!(Column::from_name(name).name(), name);
        }
    }

    #[test]
    fn a_line_has_as_many_cells_as_the_header_and_the_headers_by_name() {
        let columns: Vec<_> = ["type", "queue", "header_Subject"].map(Column::from_name).into();
        let entry = Entry { queue: "a.example/v1", headers: &[("subject", "Hi, you")], ..Entry::default() };
        let mut out = Vec::new();
        write_line(&entry, &columns, true, &mut out);
        assert_eq!(out, b"d,a.example/v1,\"Hi, you\"\r\n");
    }
}
