//! qreceipt(1): when a notice is sent, what it says, and what goes wrong.

use harness::run::Output;

use super::one_delivery::Alice;

fn deliver(alice: &Alice, header: &str) -> Output {
    alice.file(".qmail", "|qreceipt r@h\n./Mailbox\n");
    let message = format!("{header}Subject: x\n\nNotice-Requested-Upon-Delivery-To: r@h\n");
    alice
        .delivery()
        .sender("\"a b\"@x.example")
        .message(message)
        .run()
}

const NOTICE: &str = "\
From: DELIVERY NOTICE SYSTEM <\"\\\"a b\\\"\"@x.example>
To: <\"\\\"a b\\\"\"@x.example>
Subject: success notice

Hi! This is the qreceipt program. Your message was delivered to the
following address: r@h. Thanks for asking.
";

#[track_caller]
fn check(header: &str, expected: Option<&str>) {
    let alice = Alice::new();
    let done = deliver(&alice, header);
    assert_eq!(done.assert_exit(0).stderr_text(), "");
    assert!(alice.path("Mailbox").exists());
    let envelope = b"F\0T\"a b\"@x.example\0\0".to_vec();
    let expected = expected.map(|text| (text.as_bytes().to_vec(), envelope));
    assert_eq!(alice.queued(), Vec::from_iter(expected), "{header}");
}

#[test]
fn a_request_for_this_address_is_answered() {
    check("Notice-Requested-Upon-Delivery-To: r@h\n", Some(NOTICE));
    check(
        "notice-requested-upon-delivery-to: a@b,\n R <r@h>\n",
        Some(NOTICE),
    );
}

#[test]
fn the_notice_quotes_the_message_id() {
    let header = "Message-ID:\n <1.2@x>\nNotice-Requested-Upon-Delivery-To: r@h\n";
    check(
        header,
        Some(&format!("{NOTICE}Your Message-ID:\n <1.2@x>\n")),
    );
}

#[test]
fn no_request_no_notice() {
    check("", None);
    check("Notice-Requested-Upon-Delivery-To: other@h, R@h\n", None);
    check("Return-Receipt-To: r@h\n", None);
}

#[test]
fn bounces_are_not_answered() {
    for sender in ["", "#@[]"] {
        let alice = Alice::new();
        alice.file(".qmail", "|qreceipt r@h\n./Mailbox\n");
        let message = "Notice-Requested-Upon-Delivery-To: r@h\n\n";
        let delivery = alice.delivery().sender(sender).message(message);
        delivery.run().assert_exit(0);
        assert!(alice.queued().is_empty());
    }
}

#[test]
fn a_request_that_cannot_be_understood_is_refused() {
    let alice = Alice::new();
    let done = deliver(&alice, "Notice-Requested-Upon-Delivery-To: (r@h\n");
    let text = "qreceipt: fatal: unable to parse this: Notice-Requested-Upon-Delivery-To: (r@h\n";
    assert_eq!(done.assert_exit(100).stderr_text(), text);
}

#[test]
fn a_wrong_call_is_refused() {
    let alice = Alice::new();
    let usage = "qreceipt: usage: qreceipt deliveryaddress\n";
    let program = || alice.home.program("qreceipt");
    let done = program().env("SENDER", "s@x").output();
    assert_eq!(done.assert_exit(100).stderr_text(), usage);
    let done = program().args(["r@h"]).output();
    assert_eq!(done.assert_exit(100).stderr_text(), usage);
}

#[test]
fn trouble_with_the_message_or_the_queue_is_told() {
    let alice = Alice::new();
    let shell = alice.home.foreign("/bin/sh");
    let run = shell
        .args(["-c", "exec qreceipt r@h </"])
        .env("SENDER", "s@x");
    let text = "qreceipt: fatal: read error\n";
    assert_eq!(run.output().assert_exit(111).stderr_text(), text);
    let queue = |exits| {
        let run = alice.home.program("qreceipt").args(["r@h"]);
        run.env("SENDER", "s@x")
            .env("QMAILQUEUE", alice.home.path().join("recorder"))
            .env("QUEUED", alice.home.path().join("queued"))
            .env("QUEUE_EXITS", exits)
            .stdin("Notice-Requested-Upon-Delivery-To: r@h\n\n")
            .output()
    };
    let text = "qreceipt: fatal: permanent qmail-queue error\n";
    assert_eq!(queue("31").assert_exit(100).stderr_text(), text);
    let text = "qreceipt: fatal: temporary qmail-queue error\n";
    assert_eq!(queue("91").assert_exit(111).stderr_text(), text);
}
