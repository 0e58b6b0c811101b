//! Holds another forwarder against the relay matrix, and says how many cells hold: `relays socat`, `haproxy`, `nginx`, or
//! `adieu PATH`.
#![expect(clippy::print_stdout, reason = "a program says what it found")]

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    unix::main()
}

#[cfg(not(unix))]
fn main() {
    println!("this needs a Unix system: there is no relay matrix for programs elsewhere");
}

#[cfg(unix)]
mod unix {
    use adieu_testkit::places;
    use adieu_testkit::relay::{Shape, matrix, program};
    use std::io;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::path::Path;
    use std::process::Command;

    pub(crate) fn main() -> io::Result<()> {
        let mut words = std::env::args().skip(1);
        let which = words.next().unwrap_or_else(|| "socat".into());
        let path = words.next().unwrap_or_else(|| "target/debug/adieu".into());
        let shape = Shape::PLAIN;
        let cells = matrix::cells(shape);
        let failed = matrix::run(shape, &cells, 500, &|shape, upstream, directory| {
            if which == "adieu" {
                return program::adieu(Path::new(&path), &[], shape, upstream, directory);
            }
            // Taken and given back: another forwarder cannot say which port it got.
            let (front, held) = places::refusing(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            drop(held);
            let mut command = Command::new(&which);
            match which.as_str() {
                "socat" => {
                    command.arg(format!(
                        "TCP-LISTEN:{},bind=127.0.0.1,fork,reuseaddr,backlog=1024",
                        front.port()
                    ));
                    command.arg(format!("TCP:{upstream}"));
                }
                "haproxy" => {
                    let file = directory.join("haproxy.cfg");
                    std::fs::write(
                        &file,
                        format!(
                            "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
                         listen relay\n bind {front}\n server upstream {upstream}\n"
                        ),
                    )?;
                    command.arg("-db").arg("-f").arg(file);
                }
                "nginx" => {
                    let file = directory.join("nginx.conf");
                    let module = "/usr/lib/nginx/modules/ngx_stream_module.so";
                    let load = if Path::new(module).exists() {
                        format!("load_module {module};\n")
                    } else {
                        String::new()
                    };
                    std::fs::write(
                        &file,
                        format!(
                            "{load}daemon off;\nmaster_process off;\npid {0}/pid;\nerror_log stderr;\nevents {{}}\n\
                         stream {{ server {{ listen {front}; proxy_pass {upstream}; }} }}\n",
                            directory.display()
                        ),
                    )?;
                    command.arg("-c").arg(file).arg("-p").arg(directory);
                }
                other => return Err(io::Error::other(format!("{other} is not known here"))),
            }
            program::other(&mut command, front)
        })?;
        for line in &failed {
            println!("{}", line.lines().next().unwrap_or_default());
        }
        println!(
            "{which}: {} of {} conversations hold",
            cells.len() - failed.len().min(cells.len()),
            cells.len()
        );
        Ok(())
    }
}
