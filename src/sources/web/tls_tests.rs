//! Certificates and redirects: whom a run believes, and where it goes.

use super::stage::{Reply, Request, Stage};
use super::*;
use crate::record::{Memory, Notes, Value};
use crate::sources::stage::Run;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};
use std::path::PathBuf;

const AMPLE: Duration = Duration::from_secs(20);
const KEY: &str = "0123456789abcdefABCDEF_0123456789";

/// What an operator set, and the setting.
type Setting<'a> = (&'a str, &'a dyn Fn(&mut Pmta));

/// A host with https on its only port, and what its operator may put into the configuration.
struct Host {
    stage: Stage,
    pin: String,
    pem: String,
    authority: String,
    folder: tempfile::TempDir,
}

impl Host {
    /// Its certificate is self-signed, or signed by an authority of its own.
    fn new(self_signed: bool, script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Host {
        let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut root = CertificateParams::new(vec![]).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = root.self_signed(&root_key).unwrap().pem();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = if self_signed {
            // As `openssl req -x509` makes it: an authority that signs nothing but itself.
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.self_signed(&key).unwrap()
        } else {
            params.signed_by(&key, &Issuer::new(root, root_key)).unwrap()
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let secret = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let tls =
            tls.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], secret).unwrap();
        let digest = Sha256::digest(certificate.der());
        let pin = digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        let stage = Stage::with_tls(Some(Arc::new(tls)), script);
        Host { stage, pin, pem: certificate.pem(), authority, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn run(&self, change: impl Fn(&mut Pmta), notes: Notes) -> Run {
        let mut pmta = Pmta { url: Some(self.stage.url()), command: "/nowhere".into(), ..Pmta::default() };
        change(&mut pmta);
        Run::of(&Web, pmta, 1_000, notes, AMPLE)
    }
}

/// As PowerMTA 5.0: plain requests are sent to https on the same port.
fn redirecting(request: &Request) -> Reply {
    if !request.over_tls {
        let host = request.headers.split("host: ").nth(1).unwrap().lines().next().unwrap();
        let path = request.line.split(' ').nth(1).unwrap();
        return Reply::Answer(302, format!("Location: https://{host}{path}\r\n"), String::new());
    }
    if request.line.contains("/status") {
        Reply::ok(r#"{"data":{"status":{"status":"running"}},"status":"success"}"#)
    } else {
        Reply::ok(r#"{"data":{"queues":[],"totalRcp":0},"status":"success"}"#)
    }
}

#[test]
fn each_of_the_three_ways_opens_the_door() {
    for self_signed in [true, false] {
        let host = Host::new(self_signed, redirecting);
        let (own, authority) = (host.file("own.pem", &host.pem), host.file("ca.pem", &host.authority));
        let ways: [Setting<'_>; 3] = [
            ("pin", &|pmta| pmta.pin_sha256 = Some(host.pin.clone())),
            ("file", &|pmta| pmta.ca_file = Some(if self_signed { own.clone() } else { authority.clone() })),
            ("insecure", &|pmta| pmta.insecure = true),
        ];
        for (name, way) in ways {
            let run = host.run(way, Notes::default());
            assert!(run.result.is_ok(), "{name} {self_signed}: {}", run.why());
            assert!(run.samples.iter().any(|row| row.field("up") == Some(&Value::Int(1))), "{name}");
        }
    }
}

#[test]
fn a_stranger_is_refused_with_all_three_ways_named_and_is_no_outage() {
    let (host, other) = (Host::new(true, redirecting), Host::new(true, redirecting));
    let (theirs, authority) = (host.file("other.pem", &other.pem), host.file("ca.pem", &host.authority));
    let ways: [Setting<'_>; 4] = [
        ("system", &|_| {}),
        ("pin", &|pmta| pmta.pin_sha256 = Some(other.pin.clone())),
        ("file", &|pmta| pmta.ca_file = Some(theirs.clone())),
        ("authority", &|pmta| pmta.ca_file = Some(authority.clone())),
    ];
    for (name, way) in ways {
        let run = host.run(way, Notes::default());
        assert!(matches!(run.result, Err(SourceError::Denied { .. })), "{name}: {:?}", run.result);
        for word in ["pmta.ca_file", "pmta.pin_sha256", "pmta.insecure", "certificate"] {
            assert!(run.why().contains(word), "{name}: {}", run.why());
        }
        assert_eq!(run.samples, [], "{name}");
        assert!(host.stage.heard().iter().all(|request| !request.over_tls), "nothing was said to a stranger");
    }
    let garbled = host.run(|pmta| pmta.pin_sha256 = Some("zz".to_owned()), Notes::default());
    assert!(garbled.why().contains("pin_sha256 is no SHA-256"), "{}", garbled.why());
}

#[test]
fn the_redirect_is_followed_once_and_remembered() {
    let host = Host::new(true, redirecting);
    let pinned = |pmta: &mut Pmta| pmta.pin_sha256 = Some(host.pin.clone());
    let first = host.run(pinned, Notes::default());
    assert!(first.result.is_ok(), "{}", first.why());
    assert!(host.stage.heard().iter().any(|request| !request.over_tls));
    host.stage.forget();
    let second = host.run(pinned, Notes::new(first.notes.scan("")));
    assert!(second.result.is_ok() && second.notes.into_changes().is_empty());
    let heard = host.stage.heard();
    assert!(heard.len() == 3 && heard.iter().all(|request| request.over_tls), "{heard:?}");
}

#[test]
fn a_redirect_in_a_circle_ends() {
    let host = Host::new(true, |request| {
        let host = request.headers.split("host: ").nth(1).unwrap().lines().next().unwrap();
        Reply::Answer(301, format!("Location: https://{host}/status\r\n"), String::new())
    });
    let run = host.run(|pmta| pmta.insecure = true, Notes::default());
    assert!(run.why().contains("do not follow"), "{}", run.why());
    // The three pages, each once by http and once by https at most.
    assert!(host.stage.heard().len() <= 6, "{:?}", host.stage.lines());
}

#[test]
fn a_key_never_follows_a_redirect_to_somebody_else() {
    let stranger = Stage::new(|_| Reply::ok("{}"));
    let target = stranger.url().replace("127.0.0.1", "localhost");
    let secure = target.replace("http:", "https:");
    for location in [target, secure, stranger.url()] {
        let host =
            Host::new(true, move |_| Reply::Answer(302, format!("Location: {location}/\r\n"), String::new()));
        let key = host.file("key", KEY);
        let run = host.run(|pmta| pmta.api_key_file = Some(key.clone()), Notes::default());
        assert!(run.why().contains("do not follow"), "{}", run.why());
        assert!(
            host.stage.heard().iter().all(|request| request.headers.contains("x-api-key")),
            "loopback may have it"
        );
    }
    assert!(stranger.heard().is_empty());
}

#[test]
fn https_to_a_plain_port_is_told_apart_from_a_bad_certificate() {
    let stage = Stage::new(|_| Reply::ok("{}"));
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = plain.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in plain.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    drop(stage);
    let pmta = Pmta {
        url: Some(format!("https://127.0.0.1:{port}")),
        command: "/nowhere".into(),
        ..Pmta::default()
    };
    let run = Run::of(&Web, Pmta { insecure: true, ..pmta }, 1_000, Notes::default(), AMPLE);
    assert!(run.why().contains("no TLS is spoken"), "{}", run.why());
    assert_eq!(run.samples, []);
}
