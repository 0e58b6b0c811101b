//! A worker's pool of session tasks, which are used again.
//!
//! tokio aligns a task more strictly than glibc's cache for each thread serves, so a new task costs as much as twenty other
//! allocations. A task whose session has ended therefore waits for the next session, unless many tasks wait already: after
//! a crowd has left, the memory of the others is freed.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// How many tasks wait at most.
const MOST: usize = 64;

/// The tasks of one worker. Nobody but that worker asks, so its locks are free.
pub(crate) struct Pool<J>(Mutex<Tasks<J>>);

struct Tasks<J> {
    /// Those that wait.
    idle: Vec<Arc<Seat<J>>>,
    /// The jobs of those that have not begun. What a task is given with its future it would keep room for until its end.
    first_jobs: VecDeque<J>,
}

/// Where a task waits.
struct Seat<J>(Mutex<Waiting<J>>);

/// What it waits for, and what wakes it.
struct Waiting<J> {
    job: Option<J>,
    waker: Option<Waker>,
}

impl<J> Default for Pool<J> {
    fn default() -> Self {
        Self(Mutex::new(Tasks { idle: Vec::new(), first_jobs: VecDeque::new() }))
    }
}

impl<J: Send + 'static> Pool<J> {
    /// Has a job done: by a task that waits, or by a new one, which does it by `work` and then waits for others.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn give<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        job: J,
        work: impl Fn(J) -> F + Send + 'static,
    ) {
        let mut tasks = lock(&self.0);
        if let Some(seat) = tasks.idle.pop() {
            drop(tasks);
            let mut waiting = lock(&seat.0);
            waiting.job = Some(job);
            if let Some(waker) = &waiting.waker {
                waker.wake_by_ref();
            }
            return;
        }
        tasks.first_jobs.push_back(job);
        drop(tasks);
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let (mut has_begun, mut seat) = (false, None);
            loop {
                let job = if has_begun { pool.next(&mut seat).await } else { pool.first_job() };
                has_begun = true;
                let Some(job) = job else { return };
                work(job).await;
            }
        });
    }

    fn first_job(&self) -> Option<J> {
        lock(&self.0).first_jobs.pop_front()
    }

    /// The next job of a task. `None`: enough others wait. `seat`: its own, which it has from its first wait on.
    async fn next(&self, seat: &mut Option<Arc<Seat<J>>>) -> Option<J> {
        let seat = {
            let mut tasks = lock(&self.0);
            if tasks.idle.len() >= MOST {
                return None;
            }
            let seat =
                &*seat.get_or_insert_with(|| Arc::new(Seat(Mutex::new(Waiting { job: None, waker: None }))));
            tasks.idle.push(Arc::clone(seat));
            seat
        };
        let came = poll_fn(|cx| {
            let mut waiting = lock(&seat.0);
            if let Some(job) = waiting.job.take() {
                return Poll::Ready(job);
            }
            if !waiting.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                waiting.waker = Some(cx.waker().clone());
            }
            Poll::Pending
        });
        Some(came.await)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts the tasks: each has a copy of the work that it does.
    struct Counted(Arc<AtomicUsize>);

    impl Counted {
        fn new(count: &Arc<AtomicUsize>) -> Self {
            count.fetch_add(1, Ordering::Relaxed);
            Self(Arc::clone(count))
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Lets every task run that can.
    async fn let_all_run() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    fn give(pool: &Arc<Pool<Arc<AtomicUsize>>>, tasks: &Arc<AtomicUsize>, done: &Arc<AtomicUsize>) {
        let counted = Counted::new(tasks);
        pool.give(Arc::clone(done), move |done| {
            let _is_alive = &counted;
            async move {
                tokio::task::yield_now().await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    #[test]
    fn a_task_does_one_job_after_another_and_after_a_crowd_few_are_left() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (tasks, done) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let alive = || tasks.load(Ordering::Relaxed);
        let pool = Arc::new(Pool::default());
        runtime.block_on(async {
            for job in 1..=10 {
                give(&pool, &tasks, &done);
                let_all_run().await;
                assert_eq!((alive(), done.load(Ordering::Relaxed)), (1, job));
            }
            for _ in 0..3 * MOST {
                give(&pool, &tasks, &done);
            }
            assert_eq!(alive(), 3 * MOST);
            let_all_run().await;
            assert_eq!((alive(), done.load(Ordering::Relaxed)), (MOST, 10 + 3 * MOST));
        });
        drop(runtime);
        assert_eq!(alive(), 0);
    }
}
