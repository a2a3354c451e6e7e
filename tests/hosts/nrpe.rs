//! NRPE: the shipped command lines through a real server and a real client.

use crate::stage::{Running, Stage, free_port, identity, program};
use std::process::Command;

#[test]
fn a_check_travels_unharmed() {
    let (Some(server), Some(client)) = (program("nrpe"), program("check_nrpe")) else { return };
    let stage = Stage::new(30.0, "yahoo-handshake@600+1500x1.6,gmail-rate@600+1500,comcast-450@600+1500");
    // NRPE refuses to be root; then it is another user than the one who collects, as on a real host.
    let (user, group) = match identity() {
        (user, _) if user == "root" => ("nobody".to_owned(), "nogroup".to_owned()),
        own => own,
    };
    stage.share(&group);
    stage.collect();
    stage.live(1_500, 60);
    let port = free_port();
    let config = format!(
        "server_port={port}\nserver_address=127.0.0.1\nallowed_hosts=127.0.0.1\nnrpe_user={user}\nnrpe_group={group}\n\
         pid_file={}\ndont_blame_nrpe=0\ncommand_timeout=60\n{}",
        stage.path("nrpe.pid").display(),
        stage.shipped("icinga/nrpe-pmta-vitals.cfg")
    );
    std::fs::write(stage.path("nrpe.cfg"), config).unwrap();
    let mut command = Command::new(server);
    command.args(["-n", "-f", "-c"]).arg(stage.path("nrpe.cfg"));
    let mut nrpe = Running::start(&mut command, stage.path("nrpe.log"));
    let ask = |more: &[&str], name: &str| {
        let mut command = Command::new(&client);
        command.args(["-H", "127.0.0.1", "-n", "-t", "20", "-p", &port.to_string()]);
        command.args(more).args(["-c", name]).output().unwrap()
    };
    nrpe.wait("NRPE server", || {
        let answer = ask(&[], "pmta_vitals");
        String::from_utf8_lossy(&answer.stdout).starts_with("VITALS").then_some(())
    });
    // As a Nagios server elsewhere asks, by the command that we ship for it.
    let objects = include_str!("../../icinga/nagios-pmta-vitals.cfg");
    let line = objects.lines().find_map(|line| line.trim().strip_prefix("command_line    /usr/lib/nagios/"));
    let line = line.unwrap().replace("$HOSTADDRESS$", "127.0.0.1");
    let arguments: Vec<&str> = line.strip_prefix("plugins/check_nrpe ").unwrap().split(' ').collect();
    let mut from_nagios = Command::new(&client);
    let answer = from_nagios.args(["-n", "-p", &port.to_string()]).args(arguments).output().unwrap();
    assert!(String::from_utf8_lossy(&answer.stdout).starts_with("VITALS WARNING - "), "{answer:?}");
    for (name, local) in [
        ("pmta_vitals", vec!["check", "all", "--max-output", "1000"]),
        ("pmta_vitals_yahoo", vec!["check", "all", "--provider", "Yahoo", "--max-output", "1000"]),
    ] {
        let local = stage.run(&local);
        let text = String::from_utf8(local.stdout).unwrap();
        assert!(text.contains(" | ") && local.status.code() == Some(1), "{text}");
        // The old packet of 1,024 bytes and the new one.
        for version in [vec![], vec!["-2"]] {
            let remote = ask(&version, name);
            assert_eq!(remote.status.code(), local.status.code(), "{version:?} {remote:?}");
            let answer = String::from_utf8(remote.stdout).unwrap();
            assert_eq!(answer.trim_end(), text.trim_end(), "{version:?}");
        }
    }
}
