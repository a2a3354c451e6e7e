//! Accounting files as they come: types, headers, times, quotes. It tests no rotation.

use super::Reader;
use crate::record::{Delivery, Finding, Kind, LogLine, Sample, Sink};
use crate::sources::follow::Taken;

#[derive(Default)]
struct Heard(Vec<String>);

impl Sink for Heard {
    fn sample(&mut self, _: Sample) {}
    fn delivery(&mut self, record: &Delivery<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let Delivery { kind, logged, offset_minutes, queued, size, .. } = *record;
        let words = [
            record.rcpt_domain,
            record.status,
            record.diag,
            record.mta,
            record.category,
            record.source,
            record.destination,
            record.vmta,
            record.queue,
        ];
        let words: Vec<String> = words.iter().map(|word| text(word)).collect();
        let queued = queued.map_or_else(String::new, |queued| queued.to_string());
        self.0.push(format!(
            "{} {logged} {offset_minutes} [{queued}] {size} {}",
            kind.code(),
            words.join("|")
        ));
    }
    fn line(&mut self, _: &LogLine<'_>) {}
    fn event(&mut self, _: Finding) {}
    fn watermark(&mut self, _: i64) {}
    fn enough(&self) -> bool {
        false
    }
}

const NOW: i64 = 1_800_000_000;

fn read(file: &str) -> (Vec<String>, Taken) {
    let mut heard = Heard::default();
    let taken = Reader::new(NOW).read_all(&mut file.as_bytes(), &mut heard, &mut |_, _| false).unwrap();
    (heard.0, taken)
}

const COLUMNS: &str = "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool";

#[test]
fn a_delivery_says_everything_but_who() {
    let line = "d,2019-02-08 21:54:05+0000,2019-02-08 21:54:01+0000,o@v.example,\"local@part\"@b.example,,relayed,2.0.0 (success),smtp;250 ok,mx.b.example (192.0.2.9),,api,x (127.0.0.1),smtp,192.0.2.1,192.0.2.9,\"SIZE,8BITMIME\",41159,v48,job1,env1,b.example/v48,";
    let (records, taken) =
        read(&format!("{COLUMNS}\n{}\n", line.replace("\"local@part\"@b.example", "local@b.example")));
    let said = "d 1549662845 0 [1549662841] 41159 b.example|2.0.0 (success)|smtp;250 ok|mx.b.example (192.0.2.9)||192.0.2.1|192.0.2.9|v48|b.example/v48";
    assert_eq!(records, [said]);
    assert_eq!((taken.records, taken.rejected, taken.bad_time, taken.newest), (1, 0, 0, Some(1_549_662_845)));
}

#[test]
fn all_eight_types_are_told_apart_and_unknown_ones_pass() {
    let mut file = "type,timeLogged,rcpt\n".to_owned();
    for kind in Kind::ALL {
        file += &format!("{},1178807903,a@b.example\n", kind.code());
    }
    file += "zz,1178807903,a@b.example\n";
    let (records, taken) = read(&file);
    let codes: Vec<&str> = records.iter().filter_map(|record| record.split(' ').next()).collect();
    assert_eq!(codes, ["d", "b", "t", "tq", "r", "rb", "rs", "f"]);
    assert_eq!((taken.records, taken.rejected), (9, 0));
}

#[test]
fn columns_go_by_name_and_a_new_header_counts_from_there_on() {
    let file = "type,header_rcpt,rcpt,timeLogged,queue\r\n\
                t,wrong@wrong.example,right@right.example,1178807903,q.example/v\r\n\
                type,queue,timeLogged\n\
                tq,z.rollup/v1,2010-04-17 16:19:57-0400\n";
    let (records, taken) = read(file);
    assert_eq!(
        records,
        [
            "t 1178807903 0 [] 0 right.example||||||||q.example/v",
            "tq 1271535597 -240 [] 0 |||||||||z.rollup/v1".replace("|||||||||z", "||||||||z").as_str()
        ]
    );
    assert_eq!((taken.records, taken.rejected), (2, 0));
}

#[test]
fn files_of_22_columns_have_no_queue() {
    let columns = COLUMNS.replace("timeQueued,", "timeQueued,timeImprinted,").replace(",queue,vmtaPool", "");
    assert_eq!(columns.split(',').count(), 22);
    let line = "d,2014-02-08 21:54:05+0000,,,o@v,a@b.example,,relayed,2.0.0 (success),ok,m,success,api,x,smtp,1.1.1.1,2.2.2.2,,7,v48,,";
    let (records, taken) = read(&format!("{columns}\n{line}\n"));
    assert_eq!(taken.rejected, 0, "{:?}", taken.fault);
    assert_eq!(records, ["d 1391896445 0 [] 7 b.example|2.0.0 (success)|ok|m|success|1.1.1.1|2.2.2.2|v48|"]);
}

#[test]
fn quotes_are_undone_and_bytes_stay_bytes() {
    let file = "type,timeLogged,rcpt,dsnDiag,dsnStatus,vmta\n\
                rb,1178807903,a@b.example,\"smtp;550 in \"\"RCPT TO:<a>\"\"\",\"\"\"x\"\"\",\"a,b\"\n";
    let (records, _) = read(file);
    assert_eq!(records, ["rb 1178807903 0 [] 0 b.example|\"x\"|smtp;550 in \"RCPT TO:<a>\"|||||a,b|"]);
    let mut heard = Heard::default();
    let raw = b"type,timeLogged,dsnDiag\nb,1178807903,\xff\xfe\x00caf\xe9\n";
    let taken = Reader::new(NOW).read_all(&mut raw.as_slice(), &mut heard, &mut |_, _| false).unwrap();
    assert_eq!((taken.records, taken.rejected, heard.0.len()), (1, 0, 1));
}

#[test]
fn a_bad_time_is_counted_and_does_not_move_the_newest() {
    let ahead = NOW + 301;
    let file =
        format!("type,timeLogged,rcpt\nd,{NOW},a@b\nd,{ahead},a@b\nd,yesterday,a@b\nd,{},a@b\n", NOW - 5);
    let (records, taken) = read(&file);
    assert_eq!(records.len(), 4);
    assert_eq!((taken.bad_time, taken.newest), (2, Some(NOW)));
}

#[test]
fn a_file_without_a_header_has_the_usual_columns() {
    let line = format!("d,1178807903{},q.example/v,\n", ",".repeat(19));
    assert_eq!(read(&line).0, ["d 1178807903 0 [] 0 ||||||||q.example/v"]);
}

#[test]
fn a_last_record_without_a_line_end_counts_when_nothing_follows() {
    let (records, taken) = read("type,timeLogged,rcpt\nd,1178807903,a@b.example\nd,1178807903,a@c.ex");
    assert_eq!((records.len(), taken.rejected), (2, 0));
    let (records, taken) = read("type,timeLogged,rcpt\nd,1178807903,a@b.example\nd,11788");
    assert_eq!((records.len(), taken.rejected), (1, 1));
}

#[test]
fn long_streams_are_read_through_a_bounded_buffer() {
    let line = "d,1178807903,somebody@b.example\n";
    let file = format!("type,timeLogged,rcpt\n{}", line.repeat(200_000));
    let (records, taken) = read(&file);
    assert_eq!((records.len(), taken.records, taken.bytes), (200_000, 200_000, file.len()));
}
