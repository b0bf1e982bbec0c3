# A volume plugin for engines on x86-64 Linux, with one volume, ptest_plugged, once that is created.
# Engines ask every plugin for every volume, so it denies that it has another one. All other replies
# are the same.
#
# The file volume_plugin is this program; it is in the archive of a recorded call, and so never
# built again:
#
#   as volume_plugin.s -o plugin.o && ld -n -s -z noseparate-code plugin.o -o volume_plugin

.set SYS_read, 0
.set SYS_write, 1
.set SYS_close, 3
.set SYS_socket, 41
.set SYS_accept, 43
.set SYS_shutdown, 48
.set SYS_bind, 49
.set SYS_listen, 50
.set SYS_exit, 60

.globl _start
_start:
    mov $SYS_socket, %eax
    mov $1, %edi                # AF_UNIX
    mov $1, %esi                # SOCK_STREAM
    xor %edx, %edx
    syscall
    mov %eax, %ebx              # ebx: the listening socket
    mov $SYS_bind, %eax
    mov %ebx, %edi
    mov $address, %esi
    mov $(address_end - address), %edx
    syscall
    test %eax, %eax
    jnz failed
    mov $SYS_listen, %eax
    mov %ebx, %edi
    mov $16, %esi
    syscall
next:
    mov $SYS_accept, %eax
    mov %ebx, %edi
    xor %esi, %esi
    xor %edx, %edx
    syscall
    test %eax, %eax
    js failed
    mov %eax, %ebp              # ebp: the connection
    call receive
    test %eax, %eax
    jle done                    # the engine only looks whether the socket is there
    mov %eax, %r12d             # r12: the bytes of the request
    mov $create, %edi
    mov $(create_end - create), %edx
    call find
    jne not_create
    mov $1, %r14d               # r14: whether the volume is there; 0 at the start
not_create:
    mov $remove, %edi
    mov $(remove_end - remove), %edx
    call find
    jne not_remove
    xor %r14d, %r14d
not_remove:
    mov $get, %edi
    mov $(get_end - get), %edx
    call find
    jne reply_yes
    test %r14d, %r14d
    jz reply_no
    mov $name, %edi
    mov $(name_end - name), %edx
    call find
    je reply_yes
reply_no:
    mov $no, %esi
    mov $(no_end - no), %edx
    jmp reply
reply_yes:
    mov $yes, %esi
    mov $(yes_end - yes), %edx
reply:
    mov $SYS_write, %eax
    mov %ebp, %edi
    syscall
    mov $SYS_shutdown, %eax
    mov %ebp, %edi
    mov $1, %esi                # SHUT_WR
    syscall
rest:
    call receive                # bytes that are not read would reset the connection
    test %eax, %eax
    jg rest
done:
    mov $SYS_close, %eax
    mov %ebp, %edi
    syscall
    jmp next
failed:
    mov $SYS_exit, %eax
    mov $1, %edi
    syscall

receive:
    xor %eax, %eax              # SYS_read
    mov %ebp, %edi
    lea -8192(%rsp), %rsi       # far below the stack, which is hardly used
    mov %rsi, %r13              # r13: the request
    mov $4096, %edx
    syscall
    ret

find:                           # rdi, rdx: a text. Equal (ZF) if the request has it
    mov %r13, %r8
    lea (%r13, %r12), %r9
    sub %rdx, %r9               # the last place where it can be
at:
    cmp %r9, %r8
    ja missing
    mov %r8, %rsi
    mov %rdi, %r10
    mov %rdx, %rcx
    repe cmpsb
    mov %r10, %rdi
    je found
    inc %r8
    jmp at
missing:
    or $1, %eax                 # clears ZF
found:
    ret

address:
    .word 1                     # AF_UNIX
    .asciz "/run/docker/plugins/ptest.sock"
address_end:
create:
    .ascii "/VolumeDriver.Create "
create_end:
remove:
    .ascii "/VolumeDriver.Remove "
remove_end:
get:
    .ascii "/VolumeDriver.Get "
get_end:
name:
    .ascii "\"ptest_plugged\""
name_end:
yes:
    .ascii "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.plugins.v1.1+json\r\n"
    .ascii "Connection: close\r\n\r\n"
    .ascii "{\"Implements\":[\"VolumeDriver\"],\"Mountpoint\":\"/\",\"Volumes\":[],"
    .ascii "\"Volume\":{\"Name\":\"ptest_plugged\",\"Mountpoint\":\"/\"},"
    .ascii "\"Capabilities\":{\"Scope\":\"local\"},\"Err\":\"\"}\n"
yes_end:
no:
    .ascii "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.plugins.v1.1+json\r\n"
    .ascii "Connection: close\r\n\r\n{\"Err\":\"no such volume\"}\n"
no_end:
