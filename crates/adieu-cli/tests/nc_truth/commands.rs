//! `-e` and `-c`.

use super::*;
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn a_command_that_fails_is_no_end_of_an_answer() {
    let address = own_address();
    let host = address.ip().to_string();
    let mut command = nc("nc.traditional", &["-lvn", "-s", &host, "-p", "9000", "-c", "cat; exit 3"]);
    command.env("ADIEU_NC_EXEC", "allow");
    let listening = Listening::start(command, address);
    let mut client = listening.connect();
    client.write_all(b"hi").expect("it receives");
    let mut answer = [0; 2];
    client.read_exact(&mut answer).expect("it answers");
    client.shutdown(std::net::Shutdown::Write).expect("connected");
    let end = end_of(&mut client);
    assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset), "the answer looks whole");
    let (status, _, said) = listening.end();
    assert!(status == 3 && said.contains("the command exited with 3"), "{status} {said}");
}

#[test]
fn each_client_of_ncats_k_has_a_command_at_the_same_time() {
    let address = own_address();
    let host = address.ip().to_string();
    let mut command = nc("ncat", &["-lkv", &host, "9000", "-c", "echo $NCAT_PROTO $NCAT_LOCAL_PORT; cat"]);
    command.env("ADIEU_NC_EXEC", "allow");
    let listening = Listening::start(command, address);
    let mut clients: Vec<TcpStream> = (0..3).map(|_| listening.connect()).collect();
    for client in &mut clients {
        let mut greeting = [0; 9];
        client.read_exact(&mut greeting).expect("its command greets");
        assert_eq!(&greeting, b"TCP 9000\n");
    }
    for client in &mut clients {
        client.write_all(b"hi").expect("it receives");
        client.shutdown(std::net::Shutdown::Write).expect("connected");
        assert_eq!(read_all(client), "hi");
    }
    kill_process(Pid::from_child(&listening.child), Signal::TERM).expect("it runs");
    assert_eq!(listening.end().0, -15);
}

#[test]
fn a_client_runs_a_program_without_a_shell() {
    let (port, serving) = server(|mut stream| {
        stream.write_all(b"$HOME").expect("it receives");
        stream.shutdown(std::net::Shutdown::Write).expect("connected");
        read_all(&mut stream)
    });
    let mut command = nc("ncat", &["127.0.0.1", &port, "-e", "/bin/cat"]);
    command.env("ADIEU_NC_EXEC", "allow");
    assert_ends(&run(command, ""), 0, "");
    assert_eq!(serving.join().expect("it has served"), "$HOME");
}
