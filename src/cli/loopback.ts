const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]']

/** Whether an address is this machine's own, where the local stack runs. */
export const isLoopback = ({ hostname }: URL): boolean => LOOPBACK.includes(hostname)
