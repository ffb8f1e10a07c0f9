# The filter that libseccomp makes of a profile, as runc asks it to. Reads lines, writes the program in hexadecimal.
#   default ACTION | arch TOKEN | rule ACTION NAME [INDEX OP A B]...
# With the one argument `numbers`: each name of each architecture that it knows, as `TOKEN NAME NUMBER`.
import ctypes
import os
import sys

lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_syscall_resolve_num_arch.restype = ctypes.c_void_p


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def numbers():
    x32 = 0x4000003E
    for token in [0xC000003E, 0x40000003, x32, 0xC00000B7, 0x40000028]:
        bit = 0x40000000 if token == x32 else 0
        for number in [*range(1024), *range(0xF0000, 0xF0010)]:
            name = lib.seccomp_syscall_resolve_num_arch(ctypes.c_uint32(token), ctypes.c_int(number | bit))
            if name:
                print(token, ctypes.string_at(name).decode(), number | bit)


def add(context, action, name, conditions):
    number = lib.seccomp_syscall_resolve_name(name.encode())
    if number == -1:
        return
    array = (Comparison * max(1, len(conditions)))(*[Comparison(*condition) for condition in conditions])
    answer = lib.seccomp_rule_add_array(
        ctypes.c_void_p(context), ctypes.c_uint32(action), ctypes.c_int(number), ctypes.c_uint(len(conditions)), array
    )
    if answer != 0:
        sys.exit(f"seccomp_rule_add_array({action:#x}, {name}, {conditions}): {answer}")


def program():
    context = None
    default = None
    for line in sys.stdin:
        kind, *words = line.split()
        if kind == "default":
            default = int(words[0])
            context = lib.seccomp_init(ctypes.c_uint32(default))
        elif kind == "arch":
            lib.seccomp_arch_add(ctypes.c_void_p(context), ctypes.c_uint32(int(words[0])))
        elif int(words[0]) != default:
            action, name = int(words[0]), words[1]
            conditions = [[int(word) for word in words[at : at + 4]] for at in range(2, len(words), 4)]
            indices = [condition[0] for condition in conditions]
            if len(set(indices)) < len(indices):
                for condition in conditions:
                    add(context, action, name, [condition])
            else:
                add(context, action, name, conditions)
    read, write = os.memfd_create("bpf"), None
    if lib.seccomp_export_bpf(ctypes.c_void_p(context), read) != 0:
        sys.exit("seccomp_export_bpf")
    size = os.fstat(read).st_size
    print(os.pread(read, size, 0).hex())
    lib.seccomp_release(ctypes.c_void_p(context))


if sys.argv[1:] == ["numbers"]:
    numbers()
else:
    program()
