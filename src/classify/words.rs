//! What a reason asks of the people who send: whether waiting helps, and the first thing to do.
//! Knows no reply.

use super::Reason;

/// Whether the same message may go through later without anybody doing anything.
pub fn retry_can_help(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::RateLimited
            | Reason::ConnectionLimit
            | Reason::RecipientThrottled
            | Reason::Greylisted
            | Reason::TempUnspecified
            | Reason::MailboxFull
            | Reason::Reputation
            | Reason::Dns
            | Reason::ConnectFailure
            | Reason::ConnectionLost
            | Reason::RemoteSystem
    )
}

pub fn retry_in_words(reason: Reason, retry_after: Option<u32>) -> &'static str {
    match (retry_can_help(reason), retry_after) {
        (_, Some(_)) => "yes: the reply asks for it",
        (true, _) => "may help: the cause can pass by itself",
        (false, _) => "does not help before the cause is mended",
    }
}

/// The first thing to do, in one line.
pub fn action(reason: Reason) -> &'static str {
    match reason {
        Reason::RateLimited => "send more slowly to this provider: lower max-msg-rate, let backoff work",
        Reason::ConnectionLimit => "lower max-smtp-out and max-msg-per-connection for this provider",
        Reason::RecipientThrottled => "wait: this one recipient gets too much mail from everybody",
        Reason::Greylisted => "wait: the retry after some minutes goes through; keep the same source address",
        Reason::TempUnspecified => "watch the rate; if it grows, slow down and look for a reputation problem",
        Reason::Reputation => {
            "send less and only to recipients who react; look at complaints and list hygiene"
        }
        Reason::Blocklisted => {
            "find the list, mend the cause, then ask for removal; route around this address"
        }
        Reason::SpamContent => {
            "look at the message: links, wording, sender's domain; stop the job if it goes on"
        }
        Reason::Virus => "stop the job and look at its attachments and links",
        Reason::Policy => "read the reply; ask the receiver's postmaster what the policy is",
        Reason::Auth => "check SPF, DKIM and DMARC records and their alignment for the From domain",
        Reason::Rdns => {
            "make the PTR record of the source address, its forward record and the HELO name agree"
        }
        Reason::SenderInvalid => "use a MAIL FROM whose domain exists and takes bounces",
        Reason::Tls => "check the certificate and TLS settings for this domain on both sides",
        Reason::RelayDenied => {
            "check routing and MX: this host does not take mail for the recipient's domain"
        }
        Reason::BadMailbox | Reason::InactiveMailbox => "suppress the recipient",
        Reason::MailboxFull => "retry for a few days, then suppress the recipient",
        Reason::BadDomain => "suppress the domain; look for typing errors in it",
        Reason::TooLarge => "make the message or its longest line smaller",
        Reason::MessageFormat => "mend the message's headers or encoding",
        Reason::Dns => "check your own resolvers first, then the domain's name servers",
        Reason::Routing => "look for a mail loop or a wrong route",
        Reason::ConnectFailure => {
            "check network and port 25 from this source address; else the remote host is down"
        }
        Reason::ConnectionLost => {
            "look at the network path, MTU and timeouts; else the remote host drops sessions"
        }
        Reason::RemoteSystem => "wait: the fault is at the receiver",
        Reason::ProtocolError => "look at the session in the log: a command was refused as wrong",
        Reason::Expired => "look at the earlier deferrals of this queue: they hold the cause",
        Reason::Local => "our own decision: look at suppression lists and queue commands",
        Reason::Other => "collect the text; a rule for it can be added in the rules folder",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_says_what_to_do_in_one_line() {
        for reason in Reason::ALL {
            let action = action(reason);
            assert!((10..=110).contains(&action.len()) && !action.contains('\n'), "{action}");
        }
        assert!(retry_can_help(Reason::Greylisted) && !retry_can_help(Reason::BadMailbox));
        assert!(retry_in_words(Reason::BadMailbox, Some(60)).starts_with("yes"));
    }
}
